"""What pages read: one statement a question, rows as dataclasses, no Streamlit."""
