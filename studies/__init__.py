"""Who searches: the commands a person types, and what carries a sweep from its settings to its report."""
