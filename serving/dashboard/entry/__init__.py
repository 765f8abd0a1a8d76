"""The script that Streamlit runs, in a folder of its own: Streamlit would run a folder `pages` beside it by its old rules."""
