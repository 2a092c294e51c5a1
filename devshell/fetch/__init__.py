"""Fetching: every byte that comes over the network, and the folder it is kept in."""

from devshell.fetch.client import MissingError
from devshell.fetch.fetcher import Fetcher, Learned
from devshell.fetch.pages import Page
from devshell.fetch.progress import SILENT, Bar, Progress

__all__ = ["SILENT", "Bar", "Fetcher", "Learned", "MissingError", "Page", "Progress"]
