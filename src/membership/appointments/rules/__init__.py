"""Pure decisions: when a service is given, which slots are free, which steps an appointment may take."""
