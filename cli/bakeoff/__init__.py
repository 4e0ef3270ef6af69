"""The command line of Bakeoff and the local stand-in for AWS."""
