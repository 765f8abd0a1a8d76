"""Routes of the prediction service by subject: each module lists them for the guard and answers them; no rule of the field stands here."""
