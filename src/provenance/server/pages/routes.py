"""The routes: which page stands at which address."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
