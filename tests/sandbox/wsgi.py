"""The sandbox as a WSGI application, for a process whose settings are `tests.sandbox.settings`."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
