"""Channels besides mail: chat and push by Apprise, and a webhook that gets the report's JSON."""
