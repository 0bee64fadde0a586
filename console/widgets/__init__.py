"""The desk's own widgets. Outside text reaches them as Content or Segment, never as markup."""
