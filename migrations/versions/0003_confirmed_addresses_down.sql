DROP TABLE sign_up;
