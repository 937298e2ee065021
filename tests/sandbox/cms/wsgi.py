"""The CMS as a WSGI application, for a process with the settings `tests.sandbox.cms.settings`."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
