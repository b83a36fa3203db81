"""The one place where clock, pools, transports, clients and engines are put together."""
