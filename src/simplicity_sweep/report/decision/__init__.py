"""Which setting to choose: what is asked, who meets it, who is best, how sure, and what would change the answer."""
