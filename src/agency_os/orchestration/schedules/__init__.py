"""When the ticks run by themselves."""
