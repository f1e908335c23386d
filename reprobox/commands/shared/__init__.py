"""What several commands need and no single room knows."""
