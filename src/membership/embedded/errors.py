"""What can go wrong with an embedded server, each said in one line."""


class EmbeddedServerError(Exception):
    """One line that names what failed and the way out."""


class Unsupported(EmbeddedServerError):
    """This system cannot run embedded servers."""


class FolderInUse(EmbeddedServerError):
    """A live server uses the folder."""


class FolderUnusable(EmbeddedServerError):
    """The folder cannot be created, read or written."""


class StartFailed(EmbeddedServerError):
    """The server did not become ready."""
