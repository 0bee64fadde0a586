"""acg-faka: a card shop that sells on from, and to, its peers."""
