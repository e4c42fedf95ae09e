"""Notes which operations of KMS other programs than these scripts have used (KLUISD_DATA has the trail, KLUIS_FACTS_OF their name)."""

import kluis_client  # noqa: F401  it notes them at its end
