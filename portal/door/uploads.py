"""Files in forms."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

from portal import conf


class NotTooLarge(FileUploadHandler):
    """Refuses a form of more bytes than a request may have. Django counts its fields without files;
    the front has passed the whole over by then, so that there would be no field at all.
    """

    def handle_raw_input(
        self, input_data: Any, meta: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """Judge the length. Raises `RequestDataTooBig`."""
        if content_length > conf.largest_body():
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Hand the piece on to the next handler."""
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Leave the file to the next handler."""
