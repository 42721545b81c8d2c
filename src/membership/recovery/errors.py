"""What stops a backup or a restore."""


class RecoveryFailed(Exception):
    """One line that names what failed and the way out."""
