"""How each camera and the whole have fared lately, and why frames were missed: `GET /v1/fleet` (docs/fleet.md)."""
