"""The script that Streamlit runs for every visitor and every interaction."""

from serving.dashboard.app import run

run()
