"""`python -m bakeoff`."""

from bakeoff.main import app

if __name__ == "__main__":
    app()
