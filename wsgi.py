"""What is served: `server` for Gunicorn and for the command line (`flask --app wsgi`)."""

import commands
from app import create_app
from services.settings import load_settings

dash_app = create_app(load_settings())
server = dash_app.server
commands.register(server)
