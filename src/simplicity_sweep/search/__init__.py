"""A search: settings are tried batch by batch, each batch chosen by what the ones before have shown."""
