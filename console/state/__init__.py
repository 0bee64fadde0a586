"""What the console knows: the list it shows and its standing with the core. No widget in here."""
