"""The world: a directory of fictional Australian companies and the people in them, and what they do with mail."""
