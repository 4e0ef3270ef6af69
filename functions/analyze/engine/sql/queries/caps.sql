SELECT position, cap FROM caps
