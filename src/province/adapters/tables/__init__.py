"""Files that people keep: tables, maps and entities, read into columns and written out of them."""
