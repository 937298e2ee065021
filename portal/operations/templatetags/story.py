"""What the pictures of a story need."""

from django import template

from portal.operations.story.reading import Story

register = template.Library()


@register.filter
def name_of(story: Story, party: str) -> str:
    """Return what a party of a story is called."""
    return story.name_of(party)
