"""Scripts that are run as processes of their own: each comes to one first answer."""
