"""What the keydesk command does, a module a group of subcommands. The only place besides cli.py that composes."""
