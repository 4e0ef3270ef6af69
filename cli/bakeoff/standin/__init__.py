"""A stand-in for AWS on one machine: the stack of `template.yaml`, served on loopback."""
