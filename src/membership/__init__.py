"""Loyalty and membership service for department stores."""
