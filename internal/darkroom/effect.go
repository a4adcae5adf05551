package darkroom

var effectOperations = map[string]operation{}
