"""Serving engines: what they print, what it says about speculation, and the settings to type into them."""
