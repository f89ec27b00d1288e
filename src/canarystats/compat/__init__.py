"""Judges that speak the interfaces of other tools, so that their users can move here."""
