"""Load: users who come, are given a group, predicted for and click, by Locust, against the stand-in or any stack."""
