"""What units met and did, from the request to the stream."""
