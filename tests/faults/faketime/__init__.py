"""On the path of programs that run on a WallClock."""
