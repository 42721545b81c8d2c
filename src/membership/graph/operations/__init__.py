"""What every operation passes, whatever transport it came by."""
