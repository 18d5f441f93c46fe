"""`openline bench peers`: Openline beside other open frameworks, same models, same questions."""
