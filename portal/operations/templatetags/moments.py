"""Days and moments, as the pages of the administration show them."""

from django import template

from portal.operations import moments

register = template.Library()
register.filter(moments.day)
register.filter(moments.minute)
