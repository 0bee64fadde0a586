"""The Textual console and the keydesk command: presentation and composition only."""
