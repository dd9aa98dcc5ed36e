"""Software rasteriser, previews and contact sheets."""
