"""What a sweep found, read from MLflow alone: tables, figures, findings, a decision, and a page of them."""
