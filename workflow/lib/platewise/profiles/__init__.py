"""Well profiles: from cells or an imported table to normalised, selected and consensus profiles."""
