"""What tests share beside fixtures: `from support.clock import StoppedClock`."""
