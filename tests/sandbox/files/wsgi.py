"""The application of files as WSGI, for a process with `tests.sandbox.files.settings`."""

from django.core.wsgi import get_wsgi_application

application = get_wsgi_application()
