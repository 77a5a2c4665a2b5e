"""Who is acting and what they may do: roles, the signed-in person, the settings of sign-in, who may be served."""
